-- Rows of segments are read so quickly that what reading them gave is not kept from one load to the next.

drop table amocrm.row_memory;
